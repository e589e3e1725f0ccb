"""What the server is made of: roster, handler, publisher, sweeper, journal, settings."""
