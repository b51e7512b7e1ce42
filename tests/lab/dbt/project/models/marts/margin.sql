-- wrong on purpose: there is no such column
select order_id, amount - cost_price as margin from {{ ref('stg_orders') }}
