package yubico

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"counterpart/internal/company/factor"
	"counterpart/internal/company/world"
)

// Settings is a validation server's block of the seed.
type Settings struct {
	Listen    string   `yaml:"listen" doc:"Address and port of the API without TLS." default:":8085" format:"listen"`
	TLSListen string   `yaml:"tls_listen" doc:"Address and port of the API with TLS." default:":8446" format:"listen"`
	Clients   []Client `yaml:"clients" doc:"Who may ask; without any there is one with the number 1, whose secret follows from random_seed."`
	Keys      []Key    `yaml:"keys" doc:"What this server alone knows of YubiKeys of the company, and YubiKeys that nobody in the company has."`

	ClientsCSV string `yaml:"clients_csv" doc:"More clients, as ykval-export-clients writes them: id,active,created,secret,email,notes,otp." format:"any"`
	KeysCSV    string `yaml:"keys_csv" doc:"More keys, as ykksm-export writes them: serial,publicName,internalName,aesKey,lockCode,created,accessed,progflags." format:"any"`
	RowsCSV    string `yaml:"rows_csv" doc:"What was seen of keys, as ykval-export writes it: active,created,modified,yk_publicname,yk_counter,yk_use,yk_low,yk_high,nonce,notes." format:"any"`

	SyncPool    []Peer   `yaml:"sync_pool" doc:"Other validation servers, in this process, which are asked before an OTP is good."`
	SyncLevel   int      `yaml:"sync_level" doc:"Per cent of the pool that must answer where the request says nothing." default:"60" min:"0" max:"100"`
	FastLevel   int      `yaml:"fast_level" doc:"What sl=fast stands for." default:"1" min:"0" max:"100"`
	SecureLevel int      `yaml:"secure_level" doc:"What sl=secure stands for." default:"40" min:"0" max:"100"`
	SyncTimeout int      `yaml:"sync_timeout" doc:"Seconds that the pool may take where the request says nothing." default:"1" min:"0" max:"60"`
	SyncFrom    []string `yaml:"sync_from" doc:"Addresses and networks whose sync is taken; nobody's by default."`
	RevokeFrom  []string `yaml:"revoke_from" doc:"Addresses and networks that may revoke and enable keys; by default 127.0.0.1 and ::1."`
	ResyncFrom  []string `yaml:"resync_from" doc:"Addresses and networks that may ask for a resync; by default 127.0.0.1 and ::1."`
}

// Client is one relying party.
type Client struct {
	ID     int    `yaml:"id" doc:"Its number." required:"true" min:"1" max:"9999999999"`
	Secret string `yaml:"secret" doc:"Its API key in base64, 20 octets as a rule." required:"true" format:"token"`
	Active bool   `yaml:"active" doc:"False: it is not known." default:"true"`
	Email  string `yaml:"email" doc:"Of its owner." format:"mail"`
	Notes  string `yaml:"notes" doc:"For people." format:"any"`
}

// Key is one YubiKey: of the company, by its public ID, or one of its own.
type Key struct {
	PublicID    string        `yaml:"public_id" doc:"0 to 16 characters in modhex or hexadecimal." format:"modhex"`
	PrivateID   string        `yaml:"private_id" doc:"6 octets in hexadecimal. A key of the company has it from its device." format:"any"`
	AESKey      string        `yaml:"aes_key" doc:"16 octets in hexadecimal. A key of the company has it from its device." format:"any"`
	Serial      string        `yaml:"serial" doc:"What is printed on it." format:"any"`
	Owner       string        `yaml:"owner" doc:"Who has it, for decisions about a person." ref:"user"`
	Active      bool          `yaml:"active" doc:"False: the validation server takes nothing of it. (A key of the company is switched off at its device.)" default:"true"`
	KSMActive   bool          `yaml:"ksm_active" doc:"False: the key storage module does not know it." default:"true"`
	Start       Start         `yaml:"start" doc:"What it types first. (A key of the company has a counter.)"`
	Press       []string      `yaml:"press" doc:"What it types, one policy per press, the last repeats. (A key of the company has its own.)" enum:"next|replay_last|corrupt_crc|wrong_private_id|wrong_aes|old_session"`
	VerifyDelay time.Duration `yaml:"verify_delay" doc:"How long its OTPs take to be decrypted." default:"0s" max:"10m"`
}

// Start is where the counters of a virtual key begin.
type Start struct {
	Counter int `yaml:"counter" doc:"The session." default:"1" min:"0" max:"65535"`
	Use     int `yaml:"use" doc:"The use in it." default:"0" min:"0" max:"255"`
}

// Peer is one of the pool.
type Peer struct {
	Name  string        `yaml:"name" doc:"What it is called." required:"true" format:"word"`
	Down  bool          `yaml:"down" doc:"It cannot be reached."`
	Delay time.Duration `yaml:"delay" doc:"How long it takes to answer." default:"0s" max:"10m"`
	Rows  []Seen        `yaml:"rows" doc:"What it has seen of keys before the fleet began."`
}

// Seen is what a peer has seen of a key.
type Seen struct {
	PublicID string `yaml:"public_id" doc:"Of the key, in modhex or hexadecimal." required:"true" format:"modhex"`
	Counter  int    `yaml:"counter" doc:"The session." min:"-1" max:"65535"`
	Use      int    `yaml:"use" doc:"The use in it." min:"-1" max:"255"`
	Nonce    string `yaml:"nonce" doc:"Of the request." default:"0000000000000000" format:"any"`
	Inactive bool   `yaml:"inactive" doc:"It takes nothing of the key."`
}

// client is a relying party that may ask.
type client struct {
	by     *signer
	active bool
}

func (s *Server) loadClients() error {
	imported, err := readClients(s.set.ClientsCSV)
	if err != nil {
		return fmt.Errorf("clients_csv: %w", err)
	}
	if s.set.Clients = append(s.set.Clients[:len(s.set.Clients):len(s.set.Clients)], imported...); len(s.set.Clients) == 0 {
		var secret [20]byte
		s.World.Derive("yubico", s.Name, "client").Read(secret[:])
		s.set.Clients = []Client{{ID: 1, Secret: base64.StdEncoding.EncodeToString(secret[:]), Active: true}}
	}
	for _, c := range s.set.Clients {
		secret, err := base64.StdEncoding.DecodeString(c.Secret)
		if err != nil || len(secret) == 0 {
			return fmt.Errorf("the secret of client %d is not base64 with its padding", c.ID)
		}
		if _, twice := s.clients[uint64(c.ID)]; twice {
			return fmt.Errorf("there are two clients %d", c.ID)
		}
		s.clients[uint64(c.ID)] = client{newSigner(secret), c.Active}
	}
	return nil
}

// loadAddresses reads who may do what.
func (s *Server) loadAddresses() error {
	home := []string{"127.0.0.1", "::1"}
	for op, list := range map[string][]string{opSync: s.set.SyncFrom, opRevoke: s.set.RevokeFrom, opResync: s.set.ResyncFrom} {
		if list == nil && op != opSync {
			list = home
		}
		for _, text := range list {
			p, err := netip.ParsePrefix(text)
			if a, other := netip.ParseAddr(text); other == nil {
				p, err = netip.PrefixFrom(a, a.BitLen()), nil
			}
			if err != nil {
				return fmt.Errorf("%s_from: %q is no address and no network", op, text)
			}
			s.allowed[op] = append(s.allowed[op], p)
		}
	}
	return nil
}

// loadPeers gives the pool what it has seen.
func (s *Server) loadPeers() error {
	names := map[string]bool{}
	for _, p := range s.set.SyncPool {
		if names[p.Name] {
			return fmt.Errorf("two servers of the pool are called %s", p.Name)
		}
		names[p.Name] = true
		for _, x := range p.Rows {
			id, _ := world.PublicID(x.PublicID) // checked
			r := row{YubikeyRow: factor.NewYubikeyRow(), Inactive: x.Inactive}
			r.Session, r.Use, r.Mark = x.Counter, x.Use, x.Nonce
			s.peers.Seed(peerKey(p.Name, id), &r)
		}
	}
	return nil
}

func peerKey(peer, publicID string) string { return peer + "/" + publicID }

// number is how a client is called for operators.
func number(id uint64) string { return "client " + strconv.FormatUint(id, 10) }
