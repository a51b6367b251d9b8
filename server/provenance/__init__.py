"""Operations on runs and models, one function each, for every protocol."""
