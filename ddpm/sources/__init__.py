"""Where images come from: named sets, folders, arrays and the Hugging Face hub. Only fetching a set needs torch."""
