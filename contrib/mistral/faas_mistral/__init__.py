"""Actions of Functions as a Service for OpenStack in Mistral's workflows."""
