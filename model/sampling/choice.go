package sampling

import "math/rand/v2"

// Choice is a token to be drawn: Settings.Sample of logits that are not there yet, with
// these arguments. Choices made at the same time must not share a Rand.
type Choice struct {
	Settings Settings
	Allow    []bool     // nil permits all
	Rand     *rand.Rand // may be nil at temperature 0
	// Mask, if not nil, has what is drawn drawn again, among what it permits, when it
	// does not permit it.
	Mask []bool
	// Drawn and ID are set by Draw: what was drawn first and what in the end; -1 where
	// nothing is permitted.
	Drawn, ID int32
}

// Draw makes the choice from logits.
func (c *Choice) Draw(logits []float32) {
	memory := pooled.Get().(*candidates)
	defer pooled.Put(memory)
	c.Drawn = int32(c.Settings.sample(memory, logits, c.Allow, c.Rand))
	c.ID = c.Drawn
	if c.Mask != nil && (c.ID < 0 || !c.Mask[c.ID]) {
		c.ID = int32(c.Settings.sample(memory, logits, c.Mask, c.Rand))
	}
}
