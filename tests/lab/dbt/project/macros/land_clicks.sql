{# A source that is always fresh: what some loader would have brought a moment ago. #}
{% macro land_clicks() %}
create schema if not exists landing;
create or replace table landing.clicks as
select i as click_id, 1 + i % 6 as customer_id, current_timestamp::timestamp as loaded_at from range(40) t(i);
{% endmacro %}
