"""Taobao Global beyond the common contract."""
