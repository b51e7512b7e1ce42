#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::super::testing::{self, theme};
use super::*;
use crate::model::{BackendInfo, BackendStatus, Event, SafeText, Stamped, WireStats};
use crate::world::World;
use chrono::{Duration, TimeZone};

fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 20, 3, 14, 7).unwrap()
}

fn world() -> World {
    let info = |name: &str, kind| BackendInfo {
        id: BackendId::new(name),
        name: SafeText::new(name),
        kind,
        read_only: false,
        protect: name == "prod-airflow",
        drives_runs: false,
        accent: None,
    };
    let mut world = World::new([
        info("prod-airflow", "airflow"),
        info("staging", "airflow"),
        info("local", "local"),
    ]);
    let mut say = |name: &str, reach, version: &str, ago| {
        let status = BackendStatus {
            reach,
            version: SafeText::new(version),
            stats: WireStats {
                requests: 120,
                failures: 3,
                bytes: 1,
                latency_us: 23_400,
            },
            ..BackendStatus::default()
        };
        world.apply(&Stamped {
            backend: BackendId::new(name),
            at: now() - Duration::seconds(ago),
            event: Event::Status(status),
        });
    };
    say("prod-airflow", Reach::Up, "Airflow 3.1.2, API v2", 1);
    say("staging", Reach::Up, "Airflow 2.11", 400);
    let down = Reach::Down {
        reason: SafeText::new("connection refused: is the web server running?"),
        retry_at: Some(now() + Duration::seconds(12)),
    };
    say("staging", down, "Airflow 2.11", 190);
    world
}

fn draw_all(buf: &mut Buffer, area: Rect, ascii: bool) {
    let world = world();
    let theme = theme(ascii);
    let quarter = |i: u16| Rect {
        y: area.y.saturating_add(i * (area.height / 4)),
        height: area.height / 4,
        ..area
    };
    let place = |i| Place {
        area: quarter(i),
        selected: Some(0),
        focused: i == 0,
        now: now(),
    };
    let views: Vec<&BackendView> = world.backends().collect();
    let rate = |id: &BackendId| (id.raw() == "prod-airflow").then_some(0.84);
    backends(buf, place(0), theme, &views, &rate, &mut 0);
    let queue = |name: &str, slots, running, waiting| Queue {
        name: SafeText::new(name),
        slots,
        running,
        waiting,
        held_by: (waiting > 0).then(|| SafeText::new("orders_daily")),
    };
    let all = [
        queue("default_pool", Some(128), 128, 812),
        queue("small", Some(4), 1, 0),
        queue("celery", None, 17, 0),
    ];
    let rows: Vec<(&str, &Queue)> = all.iter().map(|q| ("prod-airflow", q)).collect();
    queues(buf, place(1), theme, &rows, &mut 0);
    let part = |name: &str, healthy| Component {
        name: SafeText::new(name),
        healthy,
        heartbeat: Some(now() - Duration::seconds(4)),
        note: None,
    };
    let all = [
        part("scheduler", Some(true)),
        part("triggerer", Some(false)),
        part("dag processor", None),
    ];
    let rows: Vec<(&str, &Component)> = all.iter().map(|c| ("prod-airflow", c)).collect();
    components(buf, place(2), theme, &rows, &mut 0);
    let all = [Notice {
        subject: SafeText::new("/opt/airflow/dags/finance/orders_daily_v2_final.py"),
        level: NoticeLevel::Error,
        text: vec![
            SafeText::new("Traceback (most recent call last):"),
            SafeText::new("ModuleNotFoundError: No module named 'orders'"),
            SafeText::new(""),
        ],
        at: Some(now() - Duration::hours(5)),
    }];
    let rows: Vec<(&str, &Notice)> = all.iter().map(|n| ("prod-airflow", n)).collect();
    notices(buf, place(3), theme, &rows, &mut 0);
}

#[test]
fn looks() {
    for (width, height, ascii) in [(150, 16, false), (80, 16, false), (100, 16, true)] {
        let text = testing::text(width, height, |buf, area| draw_all(buf, area, ascii));
        let name = format!("system_{width}x{height}{}", testing::suffix(ascii));
        insta::assert_snapshot!(name, text);
    }
}

#[test]
fn any_size() {
    testing::every_size(|buf, area| draw_all(buf, area, false));
}
