"""Texts of others in the places where people read them: whatever a name holds is shown, and does nothing. Pure."""
