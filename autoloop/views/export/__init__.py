"""A study in the forms that other tools read: tables (CSV, Parquet) and an Optuna study."""
