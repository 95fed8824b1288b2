package broker

import "time"

// ChangeTokens has owners keep each token for so long only.
func ChangeTokens(c *Config, after time.Duration) { c.tokenKept = after }
