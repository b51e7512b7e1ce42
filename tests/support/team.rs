//! A database on the lab's PostgreSQL (tests/lab/postgres), which several machines share and which goes with this value.

pub struct Team {
    server: String,
    name: String,
}

impl Team {
    pub fn new(name: &str) -> Self {
        let server = std::env::var("DAGTOP_TEST_POSTGRES").expect("a server: tests/lab/postgres");
        let name = format!("dagtop_{name}_{}", std::process::id());
        let team = Self { server, name };
        team.on_server(&format!("create database {}", team.name));
        team
    }

    /// What stands at `[history] url`. It holds a password.
    pub fn url(&self) -> String {
        let mut url: reqwest::Url = self.server.parse().unwrap();
        url.set_path(&self.name);
        url.set_query(Some("sslmode=disable"));
        url.into()
    }

    fn on_server(&self, text: &str) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut config: tokio_postgres::Config = self.server.parse().unwrap();
            config.ssl_mode(tokio_postgres::config::SslMode::Disable);
            let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(connection);
            client.batch_execute(text).await.unwrap();
        });
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        self.on_server(&format!("drop database {} with (force)", self.name));
    }
}
