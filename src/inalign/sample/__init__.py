"""A made-up set of reports: five domains, each with a story, for a first look and for tests (`inalign sample`)."""
