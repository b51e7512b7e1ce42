{{ config(materialized='incremental', unique_key='order_id') }}
select o.order_id, o.customer_id, o.status, o.ordered_at, o.amount, d.weekday
from {{ ref('stg_orders') }} o
left join {{ ref('dim_dates') }} d on d.day = o.ordered_at::date
{% if is_incremental() %}
where o.ordered_at > (select max(ordered_at) from {{ this }})
{% endif %}
