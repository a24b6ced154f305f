"""Evaluation: suites of recorded and scripted turns, how answers are scored, when a candidate has passed."""
