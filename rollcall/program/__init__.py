"""What every program needs: where it stands, signals, folders, crash reports."""
