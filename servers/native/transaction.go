package native

import (
	"time"

	"counterpart/internal/company/factor"
)

// transaction is a push or call waiting for its owner, or a code on its way.
type transaction struct {
	ID      string               `json:"id,omitempty"` // of pushes and calls; a delivered code has none
	User    string               `json:"user"`
	Device  string               `json:"device"`
	State   factor.ApprovalState `json:"state"` // "sent" for delivered codes
	Fraud   bool                 `json:"fraud"`
	Number  string               `json:"number,omitempty"` // to be shown to whoever logs in
	Expires time.Time            `json:"expires,omitzero"`
	Decided time.Time            `json:"decided,omitzero"`
}

func transactionOf(a factor.Approval) transaction {
	return transaction{ID: a.ID, User: a.UserID, Device: a.Device, State: a.State, Fraud: a.Fraud, Expires: a.Expires, Decided: a.Decided}
}
