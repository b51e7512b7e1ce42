"""Never parses."""
from airflow import DAG

import no_such_module_in_this_lab
