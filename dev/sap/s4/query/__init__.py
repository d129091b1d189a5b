"""What a URL asks for: its path, its system query options, the rows that answer it and their JSON."""
