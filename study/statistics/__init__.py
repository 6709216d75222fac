"""Pure statistics: arrays and data frames in, frozen results out."""
