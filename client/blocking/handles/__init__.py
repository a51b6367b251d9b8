"""The handles without `await`. Made from `client/handles/`, where there is more to read."""
