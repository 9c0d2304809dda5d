"""How the demo model and its judge are made: ``python -m sepme_core.demo.training`` remakes all of it and resumes."""
