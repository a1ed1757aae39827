"""Language models behind the Generator protocol, and the response cache in front of them."""
