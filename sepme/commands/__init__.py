"""The commands of `sepme`, a module for each or for a family. What is heavy is imported when it is needed."""
