"""Money: whole minor units of an ISO 4217 currency, never a float; shares of it add up."""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

AMOUNT_DIGITS_MAX = 18
"""How many digits an amount has in minor units: more than any price, in rials too, and it fits into 64 bits. Sums have no bound."""

AMOUNT_MINOR_MAX = 10**AMOUNT_DIGITS_MAX - 1

_TWO = """AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF
CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR
IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO
NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT
TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG"""
_NONE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"

DECIMALS = {
    **dict.fromkeys(_TWO.split(), 2),
    **dict.fromkeys(_NONE.split(), 0),
    **dict.fromkeys(_THREE.split(), 3),
    **dict.fromkeys(["CLF", "UYW"], 4),
}
"""Decimals of the minor unit by currency (ISO 4217, list one)."""


class TooLarge(ValueError):
    """An amount that no real one reaches."""


def minor(amount: Decimal, currency: str) -> int:
    """`amount` in minor units of `currency`: 12.50 EUR is 1250. Raises ValueError where it is no whole number of them, noise apart."""
    scaled = _scaled(amount, currency)
    whole = int(scaled)
    if whole != scaled:
        whole = int(scaled.to_integral_value(ROUND_HALF_EVEN))
        if not _is_noise(scaled, whole):
            raise ValueError(f"{amount} {currency} has more than {DECIMALS[currency]} decimals")
    return whole


NOISE = Decimal("1e-9")
"""How far from a whole minor unit, of the amount itself, is what a float leaves behind: 59.970000000000006 is 59.97."""

NOISE_MAX = Decimal("0.001")
"""And no more than this of a minor unit: 12345678.905 says half a cent."""


def _is_noise(scaled: Decimal, whole: int | Decimal) -> bool:
    return abs(scaled - whole) <= min(abs(scaled) * NOISE, NOISE_MAX)


def _scaled(amount: Decimal, currency: str) -> Decimal:
    """`amount` in minor units, whole or not."""
    decimals = _decimals(currency)
    if amount and amount.adjusted() + decimals >= AMOUNT_DIGITS_MAX:
        most = f"{major(AMOUNT_MINOR_MAX, currency):,}"
        raise TooLarge(f"{amount} {currency} is beyond ±{most}, the most that an amount may be")
    return amount.scaleb(decimals)


def nearest(amount: Decimal, currency: str) -> tuple[Decimal, bool]:
    """`amount` in whole minor units, half to even; and whether that took more than noise from it.

    Raises ValueError for no currency, and TooLarge.
    """
    scaled = _scaled(amount, currency)
    whole = scaled.to_integral_value(ROUND_HALF_EVEN)
    return whole.scaleb(-DECIMALS[currency]), not _is_noise(scaled, whole)


def _decimals(currency: str) -> int:
    decimals = DECIMALS.get(currency)
    if decimals is None:
        meant = currency.strip().upper()
        raise ValueError(f"currency {currency!r} is not in ISO 4217" + (f"; write {meant}" if meant in DECIMALS else ""))
    return decimals


def major(amount_minor: int, currency: str) -> Decimal:
    """`amount_minor` as people write it: 1250 EUR is 12.50."""
    # As text, since arithmetic with decimals rounds to 28 digits, which a sum may have more of.
    return Decimal(f"{amount_minor}E-{DECIMALS[currency]}")


def weighted(amount_minor: int, weight: Decimal) -> int:
    """So much of an amount, to the nearest minor unit; a half to the even one."""
    return round(amount_minor * Fraction(weight))


def share(amount_minor: int, weights: Sequence[int]) -> list[int]:
    """Split by weight, to the last unit; what rounding leaves goes to the largest remainders, ties in order (Hamilton's method)."""
    total = sum(weights)
    if total <= 0:
        raise ValueError("weights must add up to more than 0")
    sign = -1 if amount_minor < 0 else 1
    parts = [divmod(abs(amount_minor) * weight, total) for weight in weights]
    shares = [whole for whole, _ in parts]
    left = abs(amount_minor) - sum(shares)
    for index in sorted(range(len(parts)), key=lambda i: -parts[i][1])[:left]:
        shares[index] += 1
    return [sign * part for part in shares]
