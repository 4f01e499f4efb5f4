"""What an author's commands do: name a claim, see what it rests on."""
