"""The studio: pages for people, made of what the API's own routes answer, for who asks and no more."""
