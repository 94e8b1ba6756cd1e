package experiment

import (
	"fmt"
	"strings"

	"transcend/analysis/lab"
	"transcend/analysis/lab/judge"
	"transcend/internal/cli"
)

// allPieces is the blindness to captures by everything but the king.
const allPieces = "pawn+knight+bishop+rook+queen"

// shared is experiment 2.
func shared() judge.Experiment {
	return judge.Experiment{Conclude: concludeShared, Experiment: lab.Experiment{
		Name:  "shared",
		About: "the negative control: experts who all err at the same places in the same way",
		Help: `The same as denoise, but the errors are shared. In shared-noise each random move follows from the
position alone, the same for all experts and in every game: the mixture in a position is the blunder itself, and a
learner that knew every position would not transcend. A learner that has not seen a position cannot know that a
blunder is due there, and takes the noise for independent: agreement is therefore also counted by how often a
position occurred in training, and how often the model copies the blunder there. In shared-blind all
experts overlook all captures by rooks and queens, which can be learned: nothing is left to transcend by. Its twin
independent-blind overlooks all captures at each move independently with probability 0.45.`,
		Plan: func(s lab.Settings) ([]lab.Cell, error) {
			p := plan{base: headline(s)}
			pool := poolSize(s)
			p.add("shared-noise", seeds(s), func(c *lab.Cell) { c.Corpus.Players = experts(noisy(headlineRho)+",shared=1", pool) })
			p.base.Headline = false
			p.add("shared-blind", seeds(s), func(c *lab.Cell) { c.Corpus.Players = experts("ply1:blind=rook+queen", pool) })
			if s.Preset != lab.PresetTiny {
				p.add("independent-blind", 1, func(c *lab.Cell) { c.Corpus.Players = experts("ply1:blind="+allPieces+",miss=0.45", pool) })
			}
			return p.cells, nil
		},
	}}
}

// concludeShared says, where a control transcends, what the model did with the errors.
func concludeShared(r *judge.Report) error {
	for _, v := range r.Verdicts {
		if v.Claim != judge.Transcends || !strings.HasPrefix(v.Group, "shared") {
			continue
		}
		for _, d := range r.Cells {
			a := d.Result.Agreement
			if d.Cell.Group != v.Group || a == nil {
				continue
			}
			words := fmt.Sprintf("%s transcends although all errors are shared. Of the experts' errors in positions of held-out games, the model plays what was meant in %s and copies the error in %s.",
				d.Cell.Name, cli.Percent(float64(a.All.MeantAnyway.Hits), float64(a.All.MeantAnyway.Of)), cli.Percent(float64(a.All.Copied.Hits), float64(a.All.Copied.Of)))
			for _, b := range a.Seen {
				if b.MeantAnyway.Of == 0 {
					continue
				}
				often := fmt.Sprintf("%d times or more", b.From)
				if b.To > 0 || b.From == 0 {
					often = fmt.Sprintf("%d to %d times", b.From, b.To)
				}
				words += fmt.Sprintf(" In positions that were seen %s in training: %s meant, %s copied (%s errors).", often,
					cli.Percent(float64(b.MeantAnyway.Hits), float64(b.MeantAnyway.Of)), cli.Percent(float64(b.Copied.Hits), float64(b.Copied.Of)), cli.Count(b.MeantAnyway.Of))
			}
			r.Words = append(r.Words, words)
			break
		}
	}
	return nil
}
