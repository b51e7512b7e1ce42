select c.country, sum(m.margin) as margin
from {{ ref('margin') }} m
join {{ ref('stg_orders') }} o using (order_id)
join {{ ref('dim_customers') }} c using (customer_id)
group by all
