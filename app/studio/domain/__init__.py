"""The studio's data and rules: photos, masks, controls, orders, renders, the gallery and shared links."""
