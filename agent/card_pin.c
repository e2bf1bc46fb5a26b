#include "agent/card_pin.h"

#include <stddef.h>
#include <string.h>

#include "core/language.h"

const char *card_pin_prompt(enum card_kind kind, bool code_too)
{
	if (kind == CARD_MY_NUMBER && code_too)
		return LANGUAGE(
		        "マイナンバーカードの利用者証明用暗証番号（数字4桁、空なら確認コード）: ",
		        "My Number card PIN (user authentication, 4 digits; empty: a code "
		        "instead): ");
	if (kind == CARD_MY_NUMBER)
		return LANGUAGE("マイナンバーカードの暗証番号（利用者証明用の数字4桁）: ",
		        "My Number card PIN (user authentication, 4 digits): ");
	if (code_too)
		return LANGUAGE("カードの暗証番号（確認コードを使うときは空のままEnter）: ",
		        "Card PIN (empty: use a verification code): ");
	return LANGUAGE("カードの暗証番号: ", "Card PIN: ");
}

const char *card_pin_fault(enum card_kind kind, const char *pin)
{
	size_t length = strlen(pin);

	if (length == 0 || length >= CARD_PIN_MAX)
		return LANGUAGE("暗証番号が入力されていません。", "No PIN was typed.");
	if (kind != CARD_MY_NUMBER ||
	        (length == CARD_MY_NUMBER_DIGITS && strspn(pin, "0123456789") == length))
		return NULL;
	return LANGUAGE("利用者証明用の暗証番号は数字4桁です（署名用のパスワードは使いません）。",
	        "The PIN for user authentication has 4 digits (never the signature password).");
}

const char *card_pin_warning(enum card_kind kind, enum card_tries tries)
{
	switch (tries) {
	case CARD_TRIES_FEW:
		if (kind == CARD_MY_NUMBER)
			return LANGUAGE(
			        "前回、暗証番号が間違っていました。入力できるのは、あと2回です。",
			        "The PIN was wrong before; two tries are left.");
		return LANGUAGE("前回、暗証番号が間違っていました。残り回数が減っています。",
		        "The PIN was wrong before; the card takes fewer tries now.");
	case CARD_TRIES_LAST:
		return LANGUAGE("暗証番号を入力できるのは、あと1回です。",
		        "One try is left for this card's PIN.");
	case CARD_TRIES_ALL:
	case CARD_TRIES_NONE:
		break;
	}
	return NULL;
}

const char *card_pin_left(enum card_kind kind, enum card_tries tries)
{
	switch (tries) {
	case CARD_TRIES_FEW:
		if (kind == CARD_MY_NUMBER)
			return LANGUAGE("あと2回間違えると、カードがロックされます。",
			        "Two more wrong PINs lock the card.");
		return LANGUAGE(
		        "カードの残り回数が減っています。", "The card takes fewer tries now.");
	case CARD_TRIES_LAST:
		return LANGUAGE("あと1回間違えると、カードがロックされます。",
		        "One more wrong PIN locks the card.");
	case CARD_TRIES_NONE:
		return card_pin_locked(kind);
	case CARD_TRIES_ALL:
		break;
	}
	return "";
}

const char *card_pin_locked(enum card_kind kind)
{
	if (kind == CARD_MY_NUMBER)
		return LANGUAGE("マイナンバーカードの利用者証明用の暗証番号がロックされています。\n"
		                "市区町村の窓口で再設定を依頼してください。",
		        "The My Number card's PIN for user authentication is locked;\nhave it "
		        "reset at the municipal office.");
	return LANGUAGE("カードがロックされました。窓口で解除を依頼してください。",
	        "The card is locked now; ask for it to be unlocked.");
}
