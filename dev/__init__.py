"""The local cloud: simulators and hosts to develop and test with; never deployed."""
