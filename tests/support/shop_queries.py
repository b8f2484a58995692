"""What the test shop is asked, in GraphQL."""

_ERROR = "... on ErrorResult { errorCode message }"

LOGIN = f"""mutation ($username: String!, $password: String!) {{
  login(username: $username, password: $password) {{ ... on CurrentUser {{ id }} {_ERROR} }} }}"""
CREATE_ROLE = "mutation ($input: CreateRoleInput!) { createRole(input: $input) { id } }"
CREATE_KEY = "mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { apiKey entityId } }"
VARIANTS = """{ productVariants(options: {take: 1000}) { items {
  id sku name priceWithTax currencyCode customFields { sourceUrl sourceSkuId } } } }"""
SETTLE_PAYMENT = f"""mutation ($id: ID!) {{
  settlePayment(id: $id) {{ ... on Payment {{ id state }} {_ERROR} }} }}"""
REFUND = f"""mutation ($input: RefundOrderInput!) {{
  refundOrder(input: $input) {{ ... on Refund {{ id state total }} {_ERROR} }} }}"""
SETTLE_REFUND = f"""mutation ($input: SettleRefundInput!) {{
  settleRefund(input: $input) {{ ... on Refund {{ id state }} {_ERROR} }} }}"""
CANCEL = f"""mutation ($input: CancelOrderInput!) {{
  cancelOrder(input: $input) {{ ... on Order {{ id state }} {_ERROR} }} }}"""
ORDER = """query ($id: ID!) { order(id: $id) {
  id code state createdAt updatedAt orderPlacedAt currencyCode totalWithTax shippingWithTax
  customer { emailAddress firstName lastName }
  customFields { purchaseStatus purchaseRef }
  payments { id state amount transactionId refunds { id state total } }
  fulfillments { id state method trackingCode lines { orderLineId quantity } }
  history(options: {filter: {type: {eq: "ORDER_NOTE"}}}) { items { isPublic data } }
  lines { id quantity orderPlacedQuantity unitPriceWithTax
    customFields { sourceUrl sourceOptions buyerNote }
    productVariant { id sku name customFields { sourceUrl sourceSkuId } } } } }"""

ADD_ITEM = f"""mutation ($variant: ID!, $quantity: Int!, $custom: OrderLineCustomFieldsInput) {{
  addItemToOrder(productVariantId: $variant, quantity: $quantity, customFields: $custom) {{
    ... on Order {{ id }} {_ERROR} }} }}"""
SET_CUSTOMER = f"""mutation ($input: CreateCustomerInput!) {{
  setCustomerForOrder(input: $input) {{ ... on Order {{ id }} {_ERROR} }} }}"""
SET_ADDRESS = f"""mutation ($input: CreateAddressInput!) {{
  setOrderShippingAddress(input: $input) {{ ... on Order {{ id }} {_ERROR} }} }}"""
SHIPPING_METHODS = "{ eligibleShippingMethods { id } }"
SET_SHIPPING = f"""mutation ($id: [ID!]!) {{
  setOrderShippingMethod(shippingMethodId: $id) {{ ... on Order {{ id }} {_ERROR} }} }}"""
ARRANGE_PAYMENT = f"""mutation {{
  transitionOrderToState(state: "ArrangingPayment") {{ ... on Order {{ id }} {_ERROR} }} }}"""
PAY = f"""mutation {{
  addPaymentToOrder(input: {{method: "dummy", metadata: {{}}}}) {{
    ... on Order {{ id code state }} {_ERROR} }} }}"""
