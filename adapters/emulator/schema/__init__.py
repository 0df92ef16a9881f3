"""What the org knows about its objects: fields, types, relationships, and how describe shows them."""
