"""Stories, replays, exports and reports for auditors."""
