"""The studio's data and rules: photos, controls, masks, orders and renders."""
