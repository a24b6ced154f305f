"""The log on PostgreSQL: group-commit writer, readers, subscription, verification, migrations."""
