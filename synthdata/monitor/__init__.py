"""All that looks at a corpus and tells: measures, snapshots, status, alarms, notifications."""
