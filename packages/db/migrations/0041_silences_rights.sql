-- A silence is begun and ended, never changed.
revoke update on tidemark.alert_silences from tidemark_metrics;
