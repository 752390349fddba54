-- Metrics shows at which position the definition of a table changed.
grant select on tidemark.table_definitions to tidemark_metrics;
