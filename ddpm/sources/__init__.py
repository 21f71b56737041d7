"""Where images come from: sets with a name, folders, arrays and the Hugging Face hub. Nothing here needs torch but to fetch a set."""
