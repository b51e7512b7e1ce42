# What the labs install: the versions that the live tests were written against. Sourced by every lab.
AIRFLOW3=3.3.2
AIRFLOW2=2.11.2

PREFECT=3.8.8
# the newest of both break Prefect 3.8.8: with FastAPI 0.145 and later it does not start, with SQLAlchemy 2.1 its
# scheduler throws at every schedule while the server calls itself healthy
PREFECT_WITH=('fastapi>=0.139,<0.145' 'sqlalchemy<2.1')
# 1.12 can't be installed without building a parser that its build fetches from elsewhere
DBT=(dbt-core==1.11.16 dbt-duckdb==1.11.1)

DAGSTER=1.13.27

# who takes or judges what channels send; rsyslog is Debian's, Node anybody's
CHANNELS=(aiosmtpd==1.4.6 trustme==1.2.1 standardwebhooks==1.1.0 slack-sdk==3.47.0 pagerduty==7.2.0 opsgenie-sdk==2.1.5 twilio==9.13.0 azure-eventhub==5.15.1)
ADAPTIVECARDS=3.0.6

# the major of Debian's own packages
POSTGRES=15
