"""dbt projects that fail, each in its own way: dbt_jobs.py NAME DBT."""
import os
import pathlib
import subprocess
import sys

NAME, DBT = sys.argv[1:3]
root = pathlib.Path(os.environ["JOB_DIR"]) / "shop"
FINE = {
    "models/stg_customers.sql": "select 1 as customer_id, 'ann' as name union all select 2, 'bo'",
    "models/stg_orders.sql": "select 1 as order_id, 1 as customer_id, '12.5' as amount union all select 2, 2, '7'",
    "models/mart.sql": "select o.order_id, c.name from {{ ref('stg_orders') }} o join {{ ref('stg_customers') }} c using (customer_id)",
    "models/report.sql": "select count(*) as n from {{ ref('mart') }}",
}
DUCK = "shop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: shop.duckdb, threads: 2}\n"
PG = "shop:\n  target: dev\n  outputs:\n    dev: {{type: postgres, host: {host}, port: {port}, user: {user}, password: {password}, dbname: dwh, schema: shop, threads: 2}}\n"
port = os.environ.get("PG_PORT", "1")
TESTS = "models:\n  - name: stg_orders\n    columns:\n      - name: order_id\n        data_tests: [unique, not_null]\n"
CASES = {
    "prep_profile": ({"profiles.yml": "store:\n  target: dev\n  outputs: {}\n"}, "build"),
    "prep_ref": ({"models/mart.sql": "select * from {{ ref('stg_payments') }}"}, "build"),
    "prep_sql": ({"models/mart.sql": "select order_id,, amount frm {{ ref('stg_orders') }}"}, "build"),
    "prep_yaml": ({"models/schema.yml": "models:\n  - name: stg_orders\n   columns: []\n"}, "build"),
    "prep_env": ({"profiles.yml": DUCK.replace("shop.duckdb", "\"{{ env_var('SHOP_DB') }}\"")}, "build"),
    "definition_macro_args": ({"macros/to_eur.sql": "{% macro to_eur(column, day) %}{{ column }} * 1.1 /* {{ day }} */{% endmacro %}",
                               "models/mart.sql": "select {{ to_eur('amount', day='x', rate=2) }} as eur from {{ ref('stg_orders') }}"}, "build"),
    "definition_macro_gone": ({"models/mart.sql": "select {{ cents_to_eur('amount') }} as eur from {{ ref('stg_orders') }}"}, "build"),
    "definition_macro_sql": ({"macros/key.sql": "{% macro key(column) %}{{ column | as_key }}{% endmacro %}",
                              "models/mart.sql": "select {{ key('order_id') }} as k from {{ ref('stg_orders') }}"}, "build"),
    "data_column": ({"models/mart.sql": "select order_id, amount_eur from {{ ref('stg_orders') }}"}, "build"),
    "data_cast": ({"models/stg_orders.sql": "select 1 as order_id, 1 as customer_id, '12,5' as amount", "models/mart.sql": "{{ config(materialized='table') }} select amount::int as amount from {{ ref('stg_orders') }}"}, "run"),
    "missing_input_source": ({"models/src.yml": "sources:\n  - name: raw\n    schema: main\n    tables: [{name: payments}]\n", "models/mart.sql": "select * from {{ source('raw', 'payments') }}"}, "run"),
    "missing_input_file": ({"models/stg_orders.sql": "select * from read_csv('landing/orders_20261126.csv')"}, "run"),
    "quality_unique": ({"models/schema.yml": TESTS, "models/stg_orders.sql": "select 1 as order_id, 1 as customer_id, '1' as amount union all select 1, 2, '2'"}, "build"),
    "quality_null": ({"models/schema.yml": TESTS, "models/stg_orders.sql": "select null::int as order_id, 1 as customer_id, '1' as amount union all select 4, 2, '2'"}, "build"),
    "write_contract": ({"models/schema.yml": "models:\n  - name: mart\n    config: {contract: {enforced: true}, materialized: table}\n    columns:\n      - {name: order_id, data_type: int, constraints: [{type: not_null}]}\n      - {name: name, data_type: varchar}\n",
                        "models/mart.sql": "select null::int as order_id, 'x'::varchar as name"}, "run"),
    "dependency_refused": ({"profiles.yml": PG.format(host="127.0.0.1", port=1, user="etl", password="etl")}, "run"),
    "dependency_dns": ({"profiles.yml": PG.format(host="dwh.invalid", port=5432, user="etl", password="etl")}, "run"),
    "credentials_password": ({"profiles.yml": PG.format(host="127.0.0.1", port=port, user="reader", password="wrong")}, "run"),
    "credentials_table": ({"profiles.yml": PG.format(host="127.0.0.1", port=port, user="reader", password="reader"), "models/mart.sql": "{{ config(materialized='table') }} select * from public.payroll"}, "run"),
    "timeout_statement": ({"profiles.yml": PG.format(host="127.0.0.1", port=port, user="etl", password="etl"), "models/mart.sql": "{{ config(pre_hook=\"set statement_timeout = '300ms'\", materialized='table') }} select 1 as n from pg_sleep(5)"}, "run"),
    "fine_dbt": ({}, "build"),
}
files, command = CASES[NAME]
every = {"dbt_project.yml": "name: shop\nversion: '1.0'\nprofile: shop\nmodel-paths: [models]\nmacro-paths: [macros]\n", "profiles.yml": DUCK, **FINE, **files}
for name, text in every.items():
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text + "\n")
os.environ.update(DBT_SEND_ANONYMOUS_USAGE_STATS="false", DO_NOT_TRACK="1", DBT_PROFILES_DIR=str(root))
done = subprocess.run([DBT, "--no-use-colors", command], cwd=root)
if done.returncode:
    print(f"nightly.sh: dbt {command} ended with code {done.returncode}", flush=True)
sys.exit(done.returncode)
