"""Money: whole minor units of an ISO 4217 currency, never a float; shares of it add up."""

from collections.abc import Sequence
from decimal import Decimal

AMOUNT_MINOR_MAX = 2**53
"""What a sum may reach and still be exact in every reader, JavaScript's included."""

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


def minor(amount: Decimal, currency: str) -> int:
    """`amount` in minor units of `currency`: 12.50 EUR is 1250. Raises ValueError where it is no whole number of them."""
    decimals = DECIMALS.get(currency)
    if decimals is None:
        raise ValueError(f"currency {currency!r} is not in ISO 4217")
    scaled = amount.scaleb(decimals)
    whole = int(scaled)
    if whole != scaled:
        raise ValueError(f"{amount} {currency} has more than {decimals} decimals")
    if abs(whole) > AMOUNT_MINOR_MAX:
        raise ValueError(f"{amount} {currency} is more than 2^53 minor units")
    return whole


def major(amount_minor: int, currency: str) -> Decimal:
    """`amount_minor` as people write it: 1250 EUR is 12.50."""
    return Decimal(amount_minor).scaleb(-DECIMALS[currency])


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
