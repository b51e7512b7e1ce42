select order_id, customer_id, status, ordered_at, amount from {{ ref('raw_orders') }}
