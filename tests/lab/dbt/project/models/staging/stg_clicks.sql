select click_id, customer_id, loaded_at from {{ source('landing', 'clicks') }}
