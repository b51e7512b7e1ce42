select count(*) as n from range(0, {{ var('slow') }}) a(x), range(0, {{ var('slow') }}) b(y) where (a.x * 7 + b.y) % 13 = 1
