"""The admission rule: anchor, state and stages. Pure decisions; reading and writing is the corpus room."""
