"""Timer triggers: when they are due (`ncrontab`), what is remembered (`status`), and running them (`listener`)."""
