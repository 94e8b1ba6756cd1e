package analysis

import (
	"context"

	"transcend/data"
	"transcend/data/batches"
	"transcend/model"
)

// Evaluator computes losses: a *model.Evaluator, or model.Trainer's.
type Evaluator interface {
	Evaluate(*model.Batch) (model.Evaluation, error)
}

// Evaluate sums a model's loss over the first tokens of games, which come in the same order
// every time, whole batches of them; 0 takes all. layout says how games are laid out in batches, its
// Context is the model's. Count is 0 where no game has a token to predict.
func Evaluate(ctx context.Context, e Evaluator, tok data.Tokenizer, games *data.Corpus, layout batches.Config, tokens int) (model.Evaluation, error) {
	var total model.Evaluation
	held, err := batches.NewValidation(games, tok, layout)
	if err != nil {
		return total, err
	}
	var b model.Batch
	for held.Next(&b) {
		if err := ctx.Err(); err != nil {
			return total, err
		}
		part, err := e.Evaluate(&b)
		if err != nil {
			return total, err
		}
		total.Add(part)
		if tokens > 0 && total.Count >= tokens {
			break
		}
	}
	return total, nil
}
