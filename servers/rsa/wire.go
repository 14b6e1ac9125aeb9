package rsa

import (
	"counterpart/internal/company/cause"
	"counterpart/internal/face/httpapi"
)

// Requests, as clients send them. Names in any case are taken, null is nothing.

// startRequest is the body of initialize.
type startRequest struct {
	ClientID            string
	SubjectName         string
	Lang                string
	AuthnAttemptTimeout httpapi.Int
	AssurancePolicyID   string
	AssuranceLevel      string
	AuthMethodID        string
	TenantID            string
	Display             any
	ClientDetails       any
	SessionAttributes   []attribute
	KeepAttempt         bool
	Context             chain
	SubjectCredentials  []credential
}

// check says what is missing, and what excludes each other.
func (r startRequest) check(cloud bool) error {
	chosen := 0
	for _, v := range []string{r.AssurancePolicyID, r.AssuranceLevel, r.AuthMethodID} {
		if v != "" {
			chosen++
		}
	}
	level := r.AssuranceLevel
	switch {
	case r.SubjectName == "":
		return cause.Because(cause.BadInput, "subjectName is missing")
	case r.ClientID == "" && !cloud:
		return cause.Because(cause.BadInput, "clientId is missing")
	case r.Context.MessageID == "":
		return cause.Because(cause.BadInput, "context.messageId is missing")
	case chosen > 1:
		return cause.Because(cause.BadInput, "assurancePolicyId, assuranceLevel and authMethodId exclude each other")
	case level != "" && level != "LOW" && level != "MEDIUM" && level != "HIGH":
		return cause.Because(cause.BadInput, "assuranceLevel is LOW, MEDIUM or HIGH, not %.40q", level)
	case r.AuthnAttemptTimeout < 0:
		return cause.Because(cause.BadInput, "authnAttemptTimeout is %d", r.AuthnAttemptTimeout)
	case len(r.SubjectCredentials) > 1:
		return cause.Because(cause.BadInput, "%d subjectCredentials; one method is answered at a time", len(r.SubjectCredentials))
	}
	return nil
}

// verifyRequest is the body of verify.
type verifyRequest struct {
	SubjectCredentials []credential
	Context            chain
}

// check says what is missing.
func (r verifyRequest) check() error {
	switch {
	case r.Context.MessageID == "":
		return cause.Because(cause.BadInput, "context.messageId is missing")
	case r.Context.AuthnAttemptID == "":
		return cause.Because(cause.BadInput, "context.authnAttemptId is missing")
	case len(r.SubjectCredentials) != 1:
		return cause.Because(cause.BadInput, "%d subjectCredentials; one method is answered at a time", len(r.SubjectCredentials))
	case r.SubjectCredentials[0].MethodID == "":
		return cause.Because(cause.BadInput, "methodId is missing")
	}
	return nil
}

// endRequest is the body of status and cancel, which have no context.
type endRequest struct {
	AuthnAttemptID  string
	RemoveAttemptID bool
	Reason          string
}

// chain says which message another one answers.
type chain struct {
	AuthnAttemptID string `json:"authnAttemptId"`
	MessageID      string `json:"messageId"`
	InResponseTo   string `json:"inResponseTo"`
}

// credential is an answer to one method.
type credential struct {
	MethodID        string
	VersionID       string
	ReferenceID     string
	CollectedInputs []collected
}

type collected struct {
	Name     string
	Value    *httpapi.Text
	DataType string
}

// value is what was typed for the method; given is false where nothing was.
func (c credential) value() (text string, given bool) {
	for _, in := range c.CollectedInputs {
		if in.Name == c.MethodID && in.Value != nil {
			return string(*in.Value), true
		}
	}
	return "", false
}

// attribute is a value with a name.
type attribute struct {
	Name     string `json:"name"`
	Value    string `json:"value"`
	DataType string `json:"dataType"`
}

// Answers, with their members in the order in which they are documented.

// reply is the answer to initialize, verify and cancel.
type reply struct {
	Context          chain      `json:"context"`
	Results          []result   `json:"credentialValidationResults"`
	Response         string     `json:"attemptResponseCode"`
	Reason           string     `json:"attemptReasonCode,omitempty"`
	ChallengeMethods challenges `json:"challengeMethods"`
}

// result is how a method was answered.
type result struct {
	MethodID   string      `json:"methodId"`
	Response   string      `json:"methodResponseCode"`
	Reason     *string     `json:"methodReasonCode"`
	Attributes []attribute `json:"authnAttributes"`
}

type challenges struct {
	Challenges []methodSet `json:"challenges"`
}

// methodSet is one way on: the methods that it takes.
type methodSet struct {
	ID       *string          `json:"methodSetId"`
	Required []requiredMethod `json:"requiredMethods"`
}

type requiredMethod struct {
	ID          string    `json:"methodId"`
	DisplayName *string   `json:"displayName"`
	Priority    *int      `json:"priority"`
	Versions    []version `json:"versions"`
}

type version struct {
	ID         string      `json:"versionId"`
	Attributes []attribute `json:"methodAttributes"`
	Wanted     bool        `json:"valueRequired"`
	Reference  *string     `json:"referenceId"`
	Prompt     *prompt     `json:"prompt"`
}

type prompt struct {
	Resource  string   `json:"promptResourceId"`
	Text      string   `json:"defaultText"`
	Format    *string  `json:"formatRegex"`
	Default   *string  `json:"defaultValue"`
	Defined   bool     `json:"valueBeingDefined"`
	Sensitive bool     `json:"sensitive"`
	Min       *int     `json:"minLength"`
	Max       *int     `json:"maxLength"`
	Args      []string `json:"promptArgs"`
}

// standing is the answer to status.
type standing struct {
	Response   string      `json:"attemptResponseCode"`
	Reason     string      `json:"attemptReasonCode"`
	Subject    string      `json:"subjectName,omitempty"`
	Policy     string      `json:"authnPolicyId,omitempty"`
	Attributes []attribute `json:"sessionAttributes,omitempty"`
	Methods    []string    `json:"successfulMethods,omitempty"`
	Expires    string      `json:"attemptExpires,omitempty"`
}
