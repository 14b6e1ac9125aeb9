package signin

import (
	"context"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/decision"
)

// ordered holds a login against the orders in force. A refusal by order does not
// count towards the lock-out: it is the operator's word, not the person's
// mistake.
func (g *Authenticator) ordered(ctx context.Context, userID string) error {
	o, ok, err := g.Decisions.Apply(ctx, decision.Subject{On: decision.Login, User: userID})
	if err != nil || !ok {
		return err
	}
	switch o.Verb {
	case decision.Deny:
		return cause.Because(cause.WrongPassword, "%s", o.Why())
	case decision.Lock:
		return cause.Because(cause.Locked, "%s", o.Why())
	case decision.Expire:
		return cause.Because(cause.PasswordExpired, "%s", o.Why())
	}
	return nil // a delay, which is over
}
