package world

import (
	"iter"
	"net/netip"
	"slices"
)

// Asset finds an asset by name, host name or address.
func (w *World) Asset(addressOrName string) (Asset, bool) {
	key := Fold(addressOrName)
	if i, ok := w.made.AssetNumber(key); ok {
		return w.made.asset(i), true
	}
	if a, ok := at(w.facts.Assets, w.assets, key); ok {
		return a, true
	}
	ip, err := netip.ParseAddr(addressOrName)
	if err != nil {
		return Asset{}, false
	}
	ip = ip.Unmap()
	if i, ok := w.made.AddressNumber(ip); ok {
		return w.made.asset(i), true
	}
	return at(w.facts.Assets, w.assets, ip.String()) // another spelling of an IPv6 address
}

// Assets yields all assets in the seed's order.
func (w *World) Assets() iter.Seq[Asset] {
	return chain(w.facts.Assets, w.made.Assets, w.made.asset)
}

// AssetCount is the number of assets.
func (w *World) AssetCount() int { return len(w.facts.Assets) + w.made.Assets }

// AssetAt is the asset of a number below AssetCount, in the seed's order.
func (w *World) AssetAt(i int) Asset {
	if i < len(w.facts.Assets) {
		return w.facts.Assets[i]
	}
	return w.made.asset(i - len(w.facts.Assets))
}

// Account finds an account by the asset's and its own name.
func (w *World) Account(asset, name string) (Account, bool) {
	a, ok := w.Asset(asset)
	if !ok {
		return Account{}, false
	}
	return w.AccountByID(name + "@" + a.ID)
}

// AccountByID finds an account by ID, "root@db01".
func (w *World) AccountByID(id string) (Account, bool) {
	key := Fold(id)
	if i, ok := w.made.AccountNumber(key); ok {
		return w.made.account(i), true
	}
	return at(w.facts.Accounts, w.accounts, key)
}

// AccountsNamed yields the accounts of a name on every asset.
func (w *World) AccountsNamed(name string) iter.Seq[Account] {
	key := Fold(name)
	first, end := w.made.accountsNamed(key)
	return func(yield func(Account) bool) {
		for _, i := range w.byName[key] {
			if !yield(w.facts.Accounts[i]) {
				return
			}
		}
		for i := first; i < end; i++ {
			if !yield(w.made.account(i)) {
				return
			}
		}
	}
}

// AccountOfUser finds the account that manages the password of a directory user.
func (w *World) AccountOfUser(userID string) (Account, bool) {
	return at(w.facts.Accounts, w.byOwner, userID)
}

// Accounts yields all accounts in the seed's order: those that are written, then
// the generated ones.
func (w *World) Accounts() iter.Seq[Account] {
	return chain(w.facts.Accounts, w.made.Accounts, w.made.account)
}

// AccountCount is the number of accounts.
func (w *World) AccountCount() int { return w.facts.AccountCount() }

// WrittenAccounts yields the accounts that the seed writes out, in its order.
func (w *World) WrittenAccounts() iter.Seq[Account] { return slices.Values(w.facts.Accounts) }

// MadeAccounts is the number of generated accounts.
func (w *World) MadeAccounts() int { return w.made.Accounts }

// MadeAccount is the i-th generated account.
func (w *World) MadeAccount(i int) Account { return w.made.account(i) }

// AccountPassword is the password that the seed gives an account: version 1. For
// a generated account it is drawn now.
func (w *World) AccountPassword(a Account) string {
	if a.drawn {
		return w.made.accountPassword(a.ID)
	}
	return a.Password
}

// chain yields what is written, then what is made.
func chain[T any](written []T, made int, makeOne func(i int) T) iter.Seq[T] {
	return func(yield func(T) bool) {
		for _, x := range written {
			if !yield(x) {
				return
			}
		}
		for i := range made {
			if !yield(makeOne(i)) {
				return
			}
		}
	}
}
