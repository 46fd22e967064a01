"""How lists go on: from what an answer says to the next page, and where a walk stands."""
